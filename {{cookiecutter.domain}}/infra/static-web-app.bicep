// Serves the policy with an Azure Static Web App. You can deploy it again at any time.

@description('The name of the Static Web App.')
param name string

@description('The region of the Static Web App: centralus, eastus2, westus2, westeurope or eastasia.')
param location string

@description('The mail domains, each with the host name mta-sts.<domain>. More than two need the Standard plan.')
@maxLength(5)
param domains string[]

@description('app: only the app. domains: also host names and certificates, once the CNAME records are in DNS.')
@allowed(['app', 'domains'])
param phase string = 'app'

var plan = length(domains) > 2 ? 'Standard' : 'Free'

resource app 'Microsoft.Web/staticSites@2024-11-01' = {
  name: name
  location: location
  sku: { name: plan, tier: plan }
  properties: {
    provider: 'Custom' // the pipeline uploads the files; Azure does not read the repository
    stagingEnvironmentPolicy: 'Disabled'
  }
}

// One after the other, because Azure accepts only one change of a site at a time.
@batchSize(1)
resource hosts 'Microsoft.Web/staticSites/customDomains@2024-11-01' = [
  for domain in domains: if (phase == 'domains') {
    parent: app
    name: 'mta-sts.${domain}'
    properties: { validationMethod: 'cname-delegation' }
  }
]

@description('The name that mta-sts.<domain> points to: hosting.hostname in policy.yaml.')
output hostname string = app.properties.defaultHostname
