// A host name of the Function App with its certificate.

@description('The name of the Function App.')
param app string

@description('The host name.')
param host string

@description('The thumbprint of the certificate. It changes when Azure renews it, so it is read each time.')
param thumbprint string

resource site 'Microsoft.Web/sites@2024-11-01' existing = {
  name: app
}

resource binding 'Microsoft.Web/sites/hostNameBindings@2024-11-01' = {
  parent: site
  name: host
  properties: {
    customHostNameDnsRecordType: 'CName'
    hostNameType: 'Verified'
    sslState: 'SniEnabled'
    thumbprint: thumbprint
  }
}
