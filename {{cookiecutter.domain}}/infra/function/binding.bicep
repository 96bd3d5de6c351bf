// Binds the certificate to a host name of the Function App.

@description('The name of the Function App.')
param app string

@description('The host name.')
param host string

@description('The thumbprint of the certificate. It changes whenever Azure renews the certificate.')
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
