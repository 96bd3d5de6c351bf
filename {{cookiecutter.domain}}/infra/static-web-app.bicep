// The policy as an Azure Static Web App. Safe to run again at any point.

@description('The name of the Static Web App.')
param name string

@description('The region of the Static Web App: centralus, eastus2, westus2, westeurope or eastasia.')
param location string

@description('The mail domains. Each is served as mta-sts.<domain>. More than two need the Standard plan.')
@maxLength(5)
param domains string[]

@description('app: the app alone. domains: host names and certificates too, once the CNAME records are in DNS.')
@allowed(['app', 'domains'])
param phase string = 'app'

var plan = length(domains) > 2 ? 'Standard' : 'Free'

resource app 'Microsoft.Web/staticSites@2024-11-01' = {
  name: name
  location: location
  sku: { name: plan, tier: plan }
  properties: {
    provider: 'Custom' // the pipeline brings the files; Azure looks at no repository
    stagingEnvironmentPolicy: 'Disabled'
  }
}

// One after the other: a site takes one change at a time.
@batchSize(1)
resource hosts 'Microsoft.Web/staticSites/customDomains@2024-11-01' = [
  for domain in domains: if (phase == 'domains') {
    parent: app
    name: 'mta-sts.${domain}'
    properties: { validationMethod: 'cname-delegation' }
  }
]

@description('Where mta-sts.<domain> points: hosting.hostname in policy.yaml.')
output hostname string = app.properties.defaultHostname
