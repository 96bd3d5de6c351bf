// A role of its own for an identity, in this resource group.

@description('What the role is for: provision, deploy or publish.')
param purpose string

@description('The name of the app.')
param app string

@description('What the role allows, in words.')
param summary string

@description('What the role allows in the resource group.')
param actions string[]

@description('What the role allows with data in the resource group.')
param dataActions string[] = []

@description('The condition of the assignment. Empty: none.')
param condition string = ''

@description('The identity that gets the role.')
param principalId string

resource role 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(resourceGroup().id, app, purpose)
  properties: {
    // A role's name is unique in the whole tenant.
    roleName: 'MTA-STS ${purpose} of ${app} ${uniqueString(resourceGroup().id)}'
    description: summary
    type: 'CustomRole'
    assignableScopes: [resourceGroup().id]
    permissions: [{ actions: actions, notActions: [], dataActions: dataActions, notDataActions: [] }]
  }
}

// An identity that was made again has another principal, and Azure lets no assignment change its own.
resource assignment 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(resourceGroup().id, role.name, principalId)
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal' // else a new identity may not be found yet
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role.name)
    condition: empty(condition) ? null : condition
    conditionVersion: empty(condition) ? null : '2.0'
  }
}
