// A host name of the Function App, in the order that Azure needs: the name, its certificate, the two together.

@description('The name of the Function App.')
param app string

@description('The region of the Function App.')
param location string

@description('The host name. Its CNAME and asuid records are in DNS.')
param host string

@description('Whether the app has the host name already. Written again without its certificate, it would stop serving.')
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

// A module, since one file cannot declare the same resource twice.
module served 'binding.bicep' = {
  name: 'binding-${uniqueString(host)}'
  params: {
    app: app
    host: host
    thumbprint: certificate.properties.thumbprint
  }
}
