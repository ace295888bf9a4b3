// Answers many IAM requests in one process: standard input to standard output, both JSON.
//
// Input: { documents: {key: policy document}, requests: [...] } as scripts/iam_evaluator.py writes it.
// Output: for each request { result, allowed, denied, blocked, error }; allowed and denied name
// statements as [document key, statement number from 0].
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

const load = createRequire(pathToFileURL(process.argv[2] + '/'))
const { runSimulation } = await import(
  pathToFileURL(load.resolve('@cloud-copilot/iam-simulate')).href
)
const { documents, requests } = JSON.parse(readFileSync(0, 'utf8'))
const named = (keys) => keys.map((key) => ({ name: key, policy: documents[key] }))
const cited = (analyses, side) =>
  analyses.flatMap((one) =>
    (one?.[side] ?? []).map((found) => [found.policyId, found.statement.index() - 1])
  )

async function answer(request) {
  const simulation = {
    request: {
      principal: request.principal,
      action: request.action,
      resource: { resource: request.resource, accountId: request.account },
      contextVariables: request.context
    },
    identityPolicies: named(request.identity),
    permissionBoundaryPolicies: request.boundary.length ? named(request.boundary) : undefined,
    serviceControlPolicies: [],
    resourceControlPolicies: [],
    resourcePolicy: request.policy ? documents[request.policy] : undefined,
    vpcEndpointPolicies: request.endpoint.length ? named(request.endpoint) : undefined
  }
  const given = await runSimulation(simulation, {})
  if (given.resultType === 'error') return { result: 'Error', error: JSON.stringify(given.errors) }
  const analysis = given.result?.analysis ?? given.results?.[0]?.analysis
  if (!analysis) return { result: given.overallResult, allowed: [], denied: [], blocked: [] }
  const own = (found) => found.map(([key, at]) => [key in documents ? key : request.policy, at])
  const parts = [
    analysis.identityAnalysis,
    analysis.resourceAnalysis,
    analysis.endpointAnalysis
  ]
  return {
    result: given.overallResult,
    allowed: own(cited(parts, 'allowStatements')),
    denied: own(cited(parts, 'denyStatements')),
    blocked: analysis.blockedBy ?? []
  }
}

const answers = []
for (const request of requests) answers.push(await answer(request))
process.stdout.write(JSON.stringify(answers))
