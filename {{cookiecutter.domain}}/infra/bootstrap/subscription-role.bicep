// Makes a custom role, and gives it to an identity in the whole subscription.

targetScope = 'subscription'

@description('What the role is for, such as provision.')
param purpose string

@description('The name of the app.')
param app string

@description('What the role allows, in words.')
param summary string

@description('The actions that the role allows in the subscription.')
param actions string[]

@description('The identity that gets the role.')
param principalId string

resource role 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(subscription().id, app, purpose)
  properties: {
    // The name must be unique in the whole tenant.
    roleName: 'MTA-STS ${purpose} of ${app} ${uniqueString(subscription().id)}'
    description: summary
    type: 'CustomRole'
    assignableScopes: [subscription().id]
    permissions: [{ actions: actions, notActions: [], dataActions: [], notDataActions: [] }]
  }
}

resource assignment 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(subscription().id, role.name, principalId)
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal' // without it, Azure may not find a new identity yet
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role.name)
  }
}
