// The policy as files in Azure Storage, behind Azure Front Door. Safe to run again at any point.

@description('The name of the Front Door profile and of its endpoint.')
param name string

@description('The region of the storage account. Front Door itself is everywhere.')
param location string

@description('The mail domains. Each is served as mta-sts.<domain>, once its _dnsauth and CNAME records are in DNS.')
@maxLength(100) // Front Door Standard takes no more custom domains
param domains string[]

resource storage 'Microsoft.Storage/storageAccounts@2025-08-01' = {
  name: 'mtasts${uniqueString(resourceGroup().id, name)}'
  location: location
  kind: 'StorageV2'
  sku: { name: 'Standard_LRS' }
  properties: {
    allowBlobPublicAccess: false // the website is public all the same
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

// Without a health probe: there is no other origin to turn to.
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
    originHostHeader: website // Storage knows no other name
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

// Each host name has a folder in the storage account, with its policy. A name without one gets a 404.
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

// Without cacheConfiguration nothing is cached, so that senders see a new policy at once.
resource route 'Microsoft.Cdn/profiles/afdEndpoints/routes@2025-06-01' = {
  parent: endpoint
  name: 'policy'
  properties: {
    customDomains: [for (domain, i) in domains: { id: hosts[i].id }]
    originGroup: { id: origins.id }
    ruleSets: [{ id: rules.id }]
    patternsToMatch: ['/*']
    supportedProtocols: ['Https'] // senders ask for nothing else, and a redirect would end their search
    httpsRedirect: 'Disabled'
    forwardingProtocol: 'HttpsOnly'
    linkToDefaultDomain: 'Enabled' // so that it can be looked at before the CNAME is there
  }
  dependsOn: [origin, rule] // a route to a group without an origin is refused, and one without the rule finds no file
}

@description('Where mta-sts.<domain> points: hosting.hostname in policy.yaml.')
output hostname string = endpoint.properties.hostName

@description('What proves each domain to Azure, at _dnsauth.mta-sts.<domain>: its verification in policy.yaml.')
output verifications array = [
  for (domain, i) in domains: {
    domain: domain
    verification: hosts[i].properties.validationProperties.validationToken
  }
]

@description('The storage account whose container $web takes the files.')
output storageAccount string = storage.name
