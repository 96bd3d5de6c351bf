// Adds a host name to the Function App in the order that Azure needs: the name, its certificate, then the binding of both.

@description('The name of the Function App.')
param app string

@description('The region of the Function App.')
param location string

@description('The host name. Its CNAME and asuid records must be in DNS.')
param host string

@description('true if the app already has the host name. Writing it again without its certificate would interrupt it.')
param bound bool

resource site 'Microsoft.Web/sites@2024-11-01' existing = {
  name: app
}

resource binding 'Microsoft.Web/sites/hostNameBindings@2024-11-01' = if (!bound) {
  parent: site
  name: host
  properties: {
    customHostNameDnsRecordType: 'CName'
    hostNameType: 'Verified'
    sslState: 'Disabled'
  }
}

resource certificate 'Microsoft.Web/sites/certificates@2024-11-01' = {
  parent: site
  name: '${take(replace(host, '.', '-'), 40)}-${uniqueString(host)}'
  location: location
  properties: { canonicalName: host }
  dependsOn: [binding]
}

// A module, because one file cannot declare the same resource twice.
module served 'binding.bicep' = {
  name: 'binding-${uniqueString(host)}'
  params: {
    app: app
    host: host
    thumbprint: certificate.properties.thumbprint
  }
}
