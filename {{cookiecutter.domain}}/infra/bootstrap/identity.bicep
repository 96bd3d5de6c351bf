// An identity without a password.

@description('The name of the identity.')
param name string

@description('The region of the identity.')
param location string = resourceGroup().location

@description('The subject of GitHub\'s tokens by which a pipeline signs in as this identity. Empty: it needs none.')
param subject string = ''

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: name
  location: location
}

resource github 'Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials@2024-11-30' = if (!empty(subject)) {
  parent: identity
  name: 'github'
  properties: {
    issuer: 'https://token.actions.githubusercontent.com'
    audiences: ['api://AzureADTokenExchange']
    subject: subject
  }
}

@description('What a role is assigned to.')
output principalId string = identity.properties.principalId

@description('What a pipeline signs in with.')
output clientId string = identity.properties.clientId
