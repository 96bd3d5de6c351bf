// Gives an identity built-in roles of Azure in this resource group.

@description('The ids of the roles.')
param roles string[]

@description('The identity that gets the roles.')
param principalId string

resource assignments 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for role in roles: {
    name: guid(resourceGroup().id, role, principalId)
    properties: {
      principalId: principalId
      principalType: 'ServicePrincipal' // without it, Azure may not find a new identity yet
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role)
    }
  }
]
