// Makes a custom role, and gives it to an identity in this resource group.

@description('What the role is for: provision, deploy or publish.')
param purpose string

@description('The name of the app.')
param app string

@description('What the role allows, in words.')
param summary string

@description('The actions that the role allows in the resource group.')
param actions string[]

@description('The data actions that the role allows in the resource group.')
param dataActions string[] = []

@description('The condition of the assignment. Leave it empty for none.')
param condition string = ''

@description('The identity that gets the role.')
param principalId string

resource role 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(resourceGroup().id, app, purpose)
  properties: {
    // The name must be unique in the whole tenant.
    roleName: 'MTA-STS ${purpose} of ${app} ${uniqueString(resourceGroup().id)}'
    description: summary
    type: 'CustomRole'
    assignableScopes: [resourceGroup().id]
    permissions: [{ actions: actions, notActions: [], dataActions: dataActions, notDataActions: [] }]
  }
}

// The name includes the principal: if you make an identity again it gets another one, and Azure refuses to change that of an
// assignment.
resource assignment 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(resourceGroup().id, role.name, principalId)
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal' // without it, Azure may not find a new identity yet
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role.name)
    condition: empty(condition) ? null : condition
    conditionVersion: empty(condition) ? null : '2.0'
  }
}
