metadata description = '''
Makes what only an owner can make: the resource groups, the identities of the pipelines with their federated credentials,
and a role for each. Run it once by hand, before everything else, with the command in README.md. You can run it again at any
time: it then updates what exists. The .rights.json files in this folder list what each identity can do.

If you followed an earlier version of README.md, this takes over the groups, identities and credentials that you made by
hand, if their names are the same. You no longer need these assignments and roles of that time. Remove them, then check that a
deployment still works:
- provision: Contributor and Role Based Access Control Administrator on the app's group; "Follow host names of NAME"
- deploy: Website Contributor on the app; "Deploy NAME"; Storage Blob Data Contributor on the storage account
- deploy, for DNS: "Publish MTA-STS in DOMAIN"; DNS Zone Contributor on a zone
- the app's own identity: Storage Blob Data Owner on the storage account; Monitoring Metrics Publisher on the logs
'''

targetScope = 'subscription'

@description('The name of the app, and of its resource group. The resource group of the identities is NAME-pipelines.')
param name string

@description('The region of what this makes. If a group already exists, give its region.')
param location string = deployment().location

@description('The tags of the two groups. They replace the tags that a group already has.')
param tags object = {}

@description('''
How the subject of every token begins that GitHub issues to this repository, such as repo:OWNER/REPOSITORY. Leave it empty
for Azure DevOps, which makes the federated credentials together with its service connections.
''')
param subjectPrefix string = ''

@description('The resource group of the DNS zones. Leave it empty if they are not in Azure DNS.')
param dnsGroup string = ''

@description('The subscription of the DNS zones, if it is not this one.')
param dnsSubscription string = subscription().subscriptionId

// What each identity can do. The command in README.md reads this from the .rights.json files in this folder.

@description('The actions of provision in the app\'s group. If it is empty, this makes nothing there, because your own web server serves the policy.')
param provision string[] = []

@description('The actions of provision in the whole subscription.')
param provisionInSubscription string[] = []

@description('The actions of deploy in the app\'s group.')
param deploy string[] = []

@description('The data actions of deploy in the app\'s group.')
param deployData string[] = []

@description('The condition on the data actions of deploy.')
param deployCondition string = ''

@description('The actions of deploy in the group of the DNS zones.')
param publish string[] = []

@description('The built-in roles of the app\'s own identity in the app\'s group: names with their ids.')
param app object = {}

// Azure evaluates scopes and parameters even of modules that it skips. So none can be empty, or name what does not exist.
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

// For a web server there are no such groups: its identity is in the group of the zones.
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
    summary: 'Make the hosting of the MTA-STS policy, with host names and certificates'
    actions: provision
    principalId: hosted ? provisionIdentity!.outputs.principalId : ''
  }
}

module provisionSubscriptionRole 'bootstrap/subscription-role.bicep' = if (!empty(provisionInSubscription)) {
  name: '${name}-provision-role'
  params: {
    purpose: 'provision'
    app: name
    summary: 'Read how far Azure is with a host name'
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
    summary: 'Publish the MTA-STS policy'
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

@description('The value of AZURE_TENANT_ID.')
output tenantId string = tenant().tenantId

@description('The value of AZURE_SUBSCRIPTION_ID.')
output subscriptionId string = subscription().subscriptionId

@description('The value of AZURE_CLIENT_ID in the environment provision.')
output provisionClientId string = hosted ? provisionIdentity!.outputs.clientId : ''

@description('The value of AZURE_CLIENT_ID everywhere else.')
output deployClientId string = hosted ? deployIdentity!.outputs.clientId : publishIdentity!.outputs.clientId
