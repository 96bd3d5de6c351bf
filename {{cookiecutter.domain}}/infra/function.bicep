// Serves the policies with an Azure Function: Flex Consumption, Linux, Python, no keys. You can deploy it again at any time.

@description('The name of the Function App, which no one else in Azure uses. The other names begin with it.')
param name string

@description('The region of everything that this makes. It must offer Flex Consumption.')
param location string

@description('The mail domains. Each mta-sts.<domain> needs one of the three certificates that an app can have.')
@maxLength(3)
param domains string[]

@description('app: only the app. domains: also host names and certificates, once the CNAME and asuid records are in DNS.')
@allowed(['app', 'domains'])
param phase string = 'app'

@description('''
How many instances are always ready. 0 saves their price, but then the first sender after a pause waits 1 to 10 seconds for
a cold start. Senders give up after 2 to 4 seconds, and deliver as if there were no policy.
''')
@minValue(0)
param alwaysReady int = 1

@description('The memory of an instance in MB. The price depends on it, and the least is enough for the policies.')
@allowed([512, 2048, 4096])
param instanceMemory int = 512

@description('true logs requests and errors in Application Insights, which costs extra.')
param applicationInsights bool = false

// bootstrap.bicep makes it, with the roles that let the app use its storage and its logs.
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
    siteScopedCertificatesEnabled: true // has an effect only when Azure makes the app
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
        maximumInstanceCount: 40 // limits the cost of a flood of requests
        // The default for Python is one request at a time: a second one would have to wait for a cold start.
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

// Two resources and no loop, because the compiler cannot check a loop here.
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

// One after the other, because Azure accepts only one change of a site at a time.
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

@description('The name that mta-sts.<domain> points to: hosting.hostname in policy.yaml.')
output hostname string = app.properties.defaultHostName

@description('The id that proves the domains to Azure, for the records asuid.mta-sts.<domain>: hosting.verification in policy.yaml.')
output verification string = app.properties.customDomainVerificationId
