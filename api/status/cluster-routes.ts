/** The operator's routes that show and change the membership of the cluster. */
import type { FastifyInstance } from 'fastify'
import type { ClusterAdmin } from '../../node/status/cluster-admin.ts'
import { parseInviteRequest, parseMemberChanges, parseVotersRequest } from './cluster-requests.ts'

export type ClusterAdminPort = Pick<
  ClusterAdmin,
  'nodes' | 'planVoters' | 'setVoters' | 'abortVoters' | 'invite' | 'invites' | 'revokeInvite' | 'changeNode'
>

export const NODES = '/v1/cluster/nodes'
const VOTERS = '/v1/cluster/voters'
const INVITES = '/v1/cluster/invites'

/** 202: the change has begun and goes on; the status tells how far it has come. */
export function clusterRoutes(app: FastifyInstance, admin: ClusterAdminPort): void {
  app.get(NODES, async (_request, reply) => {
    reply.header('cache-control', 'no-store')
    return admin.nodes()
  })
  app.post(VOTERS, async ({ body }, reply) => {
    const { voters, dryRun } = parseVotersRequest(body)
    const change = dryRun ? admin.planVoters(voters) : await admin.setVoters(voters)
    return reply.code(change.state === 'running' ? 202 : 200).send(change)
  })
  app.delete(`${VOTERS}/change`, async (_request, reply) => {
    await admin.abortVoters()
    return reply.code(204).send()
  })
  app.get(INVITES, async (_request, reply) => {
    reply.header('cache-control', 'no-store')
    return { invites: admin.invites() }
  })
  app.delete<{ Params: { id: string } }>(`${INVITES}/:id`, async ({ params }, reply) => {
    await admin.revokeInvite(params.id)
    return reply.code(204).send()
  })
  app.post(INVITES, async ({ body }, reply) => {
    reply.header('cache-control', 'no-store')
    return reply.code(201).send(await admin.invite(parseInviteRequest(body)))
  })
  app.put<{ Params: { id: string } }>(`${NODES}/:id`, ({ params, body }) =>
    admin.changeNode(params.id, parseMemberChanges(body)),
  )
}
