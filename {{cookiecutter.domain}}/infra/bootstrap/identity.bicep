// Makes an identity without a password.

@description('The name of the identity.')
param name string

@description('The region of the identity.')
param location string = resourceGroup().location

@description('The subject of the GitHub tokens with which a pipeline signs in as this identity. Leave it empty if none does.')
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

@description('The principal to which roles are assigned.')
output principalId string = identity.properties.principalId

@description('The client id with which a pipeline signs in.')
output clientId string = identity.properties.clientId
