// The policy as an Azure Function: Flex Consumption, Linux, Python, no keys. Safe to run again at any point.

@description('The name of the Function App, free in all of Azure, and the first part of the other names.')
param name string

@description('The region of everything here. It must offer Flex Consumption.')
param location string

@description('The mail domains. Each is served as mta-sts.<domain>, and takes one of the three certificates of an app.')
@maxLength(3)
param domains string[]

@description('app: the app alone. domains: host names and certificates too, once the CNAME and asuid records are in DNS.')
@allowed(['app', 'domains'])
param phase string = 'app'

@description('''
How many instances always wait for requests. 0 saves what they cost. Then the first sender after a pause meets a cold
start of 1 to 10 seconds; senders give up after 2 to 4, and deliver as if there were no policy.
''')
@minValue(0)
param alwaysReady int = 1

@description('The memory of an instance in MB, which its price follows. The policies need the least.')
@allowed([512, 2048, 4096])
param instanceMemory int = 512

@description('Whether requests and errors are logged in Application Insights, which has a price of its own.')
param applicationInsights bool = false

// From bootstrap.bicep, with the roles by which the app reaches its storage and its logs.
resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: '${name}-identity'
}

resource storage 'Microsoft.Storage/storageAccounts@2025-08-01' = {
  name: 'mtasts${uniqueString(resourceGroup().id, name)}'
  location: location
  kind: 'StorageV2'
  sku: { name: 'Standard_LRS' }
  properties: {
    allowBlobPublicAccess: false
    allowSharedKeyAccess: false
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
  }
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2025-08-01' = {
  parent: storage
  name: 'default'
}

resource package 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-08-01' = {
  parent: blobs
  name: 'package'
}

module insights 'function/insights.bicep' = if (applicationInsights) {
  name: 'insights'
  params: {
    name: name
    location: location
    identity: identity.name
  }
}

resource plan 'Microsoft.Web/serverfarms@2024-11-01' = {
  name: '${name}-plan'
  location: location
  kind: 'functionapp'
  sku: { name: 'FC1', tier: 'FlexConsumption' }
  properties: { reserved: true } // Linux
}

resource app 'Microsoft.Web/sites@2024-11-01' = {
  name: name
  location: location
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identity.id}': {} }
  }
  properties: {
    serverFarmId: plan.id
    #disable-next-line BCP037 // the published types lack it
    siteScopedCertificatesEnabled: true // only while the app is made
    httpsOnly: true
    functionAppConfig: {
      runtime: { name: 'python', version: '3.13' }
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${storage.properties.primaryEndpoints.blob}${package.name}'
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identity.id
          }
        }
      }
      scaleAndConcurrency: {
        alwaysReady: alwaysReady > 0 ? [{ name: 'http', instanceCount: alwaysReady }] : []
        instanceMemoryMB: instanceMemory
        maximumInstanceCount: 40 // so that a flood of requests cannot cost without limit
        // A Python app takes one request at a time unless told otherwise, and the second would meet a cold start.
        triggers: { http: { perInstanceConcurrency: 16 } }
      }
    }
    siteConfig: {
      minTlsVersion: '1.2'
      ftpsState: 'Disabled'
      appSettings: concat(
        [
          { name: 'AzureWebJobsDisableHomepage', value: 'true' }
          { name: 'AzureWebJobsStorage__accountName', value: storage.name }
          { name: 'AzureWebJobsStorage__clientId', value: identity.properties.clientId }
          { name: 'AzureWebJobsStorage__credential', value: 'managedidentity' }
        ],
        applicationInsights ? insights!.outputs.appSettings : []
      )
    }
  }
}

// Not as a loop: the compiler could not check it.
resource ftp 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-11-01' = {
  parent: app
  name: 'ftp'
  properties: { allow: false }
}

resource scm 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-11-01' = {
  parent: app
  name: 'scm'
  properties: { allow: false }
}

// One after the other: a site takes one change at a time.
@batchSize(1)
module hosts 'function/domain.bicep' = [
  for domain in domains: if (phase == 'domains') {
    name: 'domain-${uniqueString(domain)}'
    params: {
      app: app.name
      location: location
      host: 'mta-sts.${domain}'
      bound: contains(app.properties.hostNames, 'mta-sts.${domain}')
    }
    dependsOn: [ftp, scm]
  }
]

@description('Where mta-sts.<domain> points: hosting.hostname in policy.yaml.')
output hostname string = app.properties.defaultHostName

@description('What proves the domains to Azure, at asuid.mta-sts.<domain>: hosting.verification in policy.yaml.')
output verification string = app.properties.customDomainVerificationId
