metadata description = '''
Makes what needs an owner, once and before everything else: the resource groups, the identities of the pipelines, their
federated credentials, and roles of their own. Safe to run again: what is there already is brought in line. Run by hand,
with the command in README.md. What each identity may do is in the .rights.json files beside this one.

It takes over the groups, identities and credentials that earlier versions of README.md made by hand, if their names are
the same. These assignments and roles of that time can go, once a deployment has gone well without them:
- provision: Contributor and Role Based Access Control Administrator on the app's group; "Follow host names of NAME"
- deploy: Website Contributor on the app; "Deploy NAME"; Storage Blob Data Contributor on the storage account
- deploy, for DNS: "Publish MTA-STS in DOMAIN"; DNS Zone Contributor on a zone
- the app's own identity: Storage Blob Data Owner on the storage account; Monitoring Metrics Publisher on the logs
'''

targetScope = 'subscription'

@description('The name of the app. Its resource group has the same, and that of the identities NAME-pipelines.')
param name string

@description('The region of what is made here. An existing group must be named with its own.')
param location string = deployment().location

@description('The tags of the two groups. They replace those that a group has.')
param tags object = {}

@description('''
What the subject of every token begins with that GitHub gives this repository, such as repo:OWNER/REPOSITORY.
Empty for Azure DevOps, which makes the federated credentials with its service connections.
''')
param subjectPrefix string = ''

@description('The resource group of the DNS zones. Empty if they are not in Azure DNS.')
param dnsGroup string = ''

@description('The subscription of the DNS zones, if it is not this one.')
param dnsSubscription string = subscription().subscriptionId

// What each identity may do. README.md's command takes it from the .rights.json files beside this one.

@description('The actions of provision in the app\'s group. Without any, nothing is made there: a web server serves the policy.')
param provision string[] = []

@description('The actions of provision in the whole subscription.')
param provisionInSubscription string[] = []

@description('The actions of deploy in the app\'s group.')
param deploy string[] = []

@description('The data actions of deploy in the app\'s group.')
param deployData string[] = []

@description('The condition under which deploy has its data actions.')
param deployCondition string = ''

@description('The actions of deploy in the group of the DNS zones.')
param publish string[] = []

@description('The built-in roles of the app\'s own identity in the app\'s group, as names with their ids.')
param app object = {}

// Azure evaluates scopes and parameters of modules that it skips: none may be empty, or lead to what is not there.
var hosted = !empty(provision)
var zonesGroup = empty(dnsGroup) ? name : dnsGroup
var credential = {
  provision: '${subjectPrefix}:environment:provision'
  deploy: '${subjectPrefix}:environment:production'
}
var subject = empty(subjectPrefix) ? { provision: '', deploy: '' } : credential

resource appGroup 'Microsoft.Resources/resourceGroups@2024-03-01' = if (hosted) {
  name: name
  location: location
  tags: tags
}

resource pipelinesGroup 'Microsoft.Resources/resourceGroups@2024-03-01' = if (hosted) {
  name: '${name}-pipelines'
  location: location
  tags: tags
}

// The identities

module provisionIdentity 'bootstrap/identity.bicep' = if (hosted) {
  name: 'provision-identity'
  scope: pipelinesGroup
  params: { name: 'provision', location: location, subject: subject.provision }
}

module deployIdentity 'bootstrap/identity.bicep' = if (hosted) {
  name: 'deploy-identity'
  scope: pipelinesGroup
  params: { name: 'deploy', location: location, subject: subject.deploy }
}

// A web server has no groups here: its identity is beside its zones.
module publishIdentity 'bootstrap/identity.bicep' = if (!hosted) {
  name: 'deploy-identity'
  scope: resourceGroup(dnsSubscription, zonesGroup)
  params: { name: 'deploy', subject: subject.deploy }
}

module appIdentity 'bootstrap/identity.bicep' = if (!empty(app)) {
  name: 'app-identity'
  scope: appGroup
  params: { name: '${name}-identity', location: location }
}

// Their roles

module provisionRole 'bootstrap/role.bicep' = if (hosted) {
  name: 'provision-role'
  scope: appGroup
  params: {
    purpose: 'provision'
    app: name
    summary: 'Make the hosting of the MTA-STS policy, and its host names and certificates'
    actions: provision
    principalId: hosted ? provisionIdentity!.outputs.principalId : ''
  }
}

module provisionSubscriptionRole 'bootstrap/subscription-role.bicep' = if (!empty(provisionInSubscription)) {
  name: '${name}-provision-role'
  params: {
    purpose: 'provision'
    app: name
    summary: 'Follow how far Azure is with a host name'
    actions: provisionInSubscription
    principalId: hosted ? provisionIdentity!.outputs.principalId : ''
  }
}

module deployRole 'bootstrap/role.bicep' = if (hosted) {
  name: 'deploy-role'
  scope: appGroup
  params: {
    purpose: 'deploy'
    app: name
    summary: 'Publish the MTA-STS policy on its hosting'
    actions: deploy
    dataActions: deployData
    condition: deployCondition
    principalId: hosted ? deployIdentity!.outputs.principalId : ''
  }
}

module publishRole 'bootstrap/role.bicep' = if (!empty(dnsGroup)) {
  name: '${name}-publish-role'
  scope: resourceGroup(dnsSubscription, zonesGroup)
  params: {
    purpose: 'publish'
    app: name
    summary: 'Read the records of DNS zones, and change TXT and CNAME records'
    actions: publish
    principalId: hosted ? deployIdentity!.outputs.principalId : publishIdentity!.outputs.principalId
  }
}

module appRoles 'bootstrap/built-in-roles.bicep' = if (!empty(app)) {
  name: 'app-roles'
  scope: appGroup
  params: {
    roles: map(items(app), role => role.value)
    principalId: empty(app) ? '' : appIdentity!.outputs.principalId
  }
}

@description('AZURE_TENANT_ID.')
output tenantId string = tenant().tenantId

@description('AZURE_SUBSCRIPTION_ID.')
output subscriptionId string = subscription().subscriptionId

@description('AZURE_CLIENT_ID in the environment provision.')
output provisionClientId string = hosted ? provisionIdentity!.outputs.clientId : ''

@description('AZURE_CLIENT_ID everywhere else.')
output deployClientId string = hosted ? deployIdentity!.outputs.clientId : publishIdentity!.outputs.clientId
