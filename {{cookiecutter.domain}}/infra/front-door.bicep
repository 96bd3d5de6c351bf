// Serves the policies as files in Azure Storage, behind Azure Front Door. You can deploy it again at any time.

@description('The name of the Front Door profile and of its endpoint.')
param name string

@description('The region of the storage account. Front Door itself has no region.')
param location string

@description('The mail domains. mta-sts.<domain> works once its _dnsauth and CNAME records are in DNS.')
@maxLength(100) // the limit of Front Door Standard
param domains string[]

resource storage 'Microsoft.Storage/storageAccounts@2025-08-01' = {
  name: 'mtasts${uniqueString(resourceGroup().id, name)}'
  location: location
  kind: 'StorageV2'
  sku: { name: 'Standard_LRS' }
  properties: {
    allowBlobPublicAccess: false // the static website is public anyway
    allowSharedKeyAccess: false
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
  }
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2025-08-01' = {
  parent: storage
  name: 'default'
  properties: {
    staticWebsite: { enabled: true, indexDocument: 'index.html' }
  }
}

resource profile 'Microsoft.Cdn/profiles@2025-06-01' = {
  name: name
  location: 'global'
  sku: { name: 'Standard_AzureFrontDoor' }
}

resource endpoint 'Microsoft.Cdn/profiles/afdEndpoints@2025-06-01' = {
  parent: profile
  name: name
  location: 'global'
}

// No health probe, because there is no second origin.
resource origins 'Microsoft.Cdn/profiles/originGroups@2025-06-01' = {
  parent: profile
  name: 'storage'
  properties: {
    loadBalancingSettings: { sampleSize: 4, successfulSamplesRequired: 3 }
  }
}

var website = split(storage.properties.primaryEndpoints.web, '/')[2]

resource origin 'Microsoft.Cdn/profiles/originGroups/origins@2025-06-01' = {
  parent: origins
  name: 'storage'
  properties: {
    hostName: website
    originHostHeader: website // Storage answers only to this name
    enforceCertificateNameCheck: true
    httpPort: 80
    httpsPort: 443
    priority: 1
    weight: 1000
  }
}

resource rules 'Microsoft.Cdn/profiles/ruleSets@2025-06-01' = {
  parent: profile
  name: 'policies'
}

// Each host name has a folder with its policy in the storage account. A host name without a folder gets a 404.
resource rule 'Microsoft.Cdn/profiles/ruleSets/rules@2025-06-01' = {
  parent: rules
  name: 'folder'
  properties: {
    order: 1
    actions: [
      {
        name: 'UrlRewrite'
        parameters: {
          typeName: 'DeliveryRuleUrlRewriteActionParameters'
          sourcePattern: '/'
          destination: '/{hostname}/'
          preserveUnmatchedPath: true
        }
      }
    ]
  }
}

resource hosts 'Microsoft.Cdn/profiles/customDomains@2025-06-01' = [
  for domain in domains: {
    parent: profile
    name: '${take(replace(domain, '.', '-'), 40)}-${uniqueString(domain)}'
    properties: {
      hostName: 'mta-sts.${domain}'
      tlsSettings: { certificateType: 'ManagedCertificate', minimumTlsVersion: 'TLS12' }
    }
  }
]

// No cacheConfiguration, so Front Door caches nothing and senders see a new policy at once.
resource route 'Microsoft.Cdn/profiles/afdEndpoints/routes@2025-06-01' = {
  parent: endpoint
  name: 'policy'
  properties: {
    customDomains: [for (domain, i) in domains: { id: hosts[i].id }]
    originGroup: { id: origins.id }
    ruleSets: [{ id: rules.id }]
    patternsToMatch: ['/*']
    supportedProtocols: ['Https'] // senders use nothing else, and do not follow redirects
    httpsRedirect: 'Disabled'
    forwardingProtocol: 'HttpsOnly'
    linkToDefaultDomain: 'Enabled' // so that you can test it before you add the CNAME
  }
  dependsOn: [origin, rule] // Azure refuses a route to a group without an origin, and without the rule it finds no file
}

@description('The name that mta-sts.<domain> points to: hosting.hostname in policy.yaml.')
output hostname string = endpoint.properties.hostName

@description('The token that proves each domain to Azure, for the record _dnsauth.mta-sts.<domain>.')
output verifications array = [
  for (domain, i) in domains: {
    domain: domain
    verification: hosts[i].properties.validationProperties.validationToken
  }
]

@description('The storage account. Upload the files to its container $web.')
output storageAccount string = storage.name
