import type { Viewer } from '../src/tasks/viewer.ts'
import { builder } from './builder.ts'

const viewerRef = builder.objectRef<Viewer>('Viewer').implement({
  description: 'Who asks, as the token says.',
  fields: (t) => ({
    id: t.id({ description: 'The user’s id: `sub` of the token.', resolve: ({ userId }) => userId }),
    roles: t.exposeStringList('roles', { description: 'Such as `admin`.' }),
    plan: t.exposeString('plan', {
      nullable: true,
      description: 'Decides the head start of this user’s tasks in the queue.',
    }),
    expiresAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When the token expires: the connection is closed then, with code 4403. null when it does not.',
      resolve: ({ expiresAt }) => expiresAt,
    }),
  }),
})

builder.queryField('viewer', (t) =>
  t.field({
    type: viewerRef,
    nullable: true,
    description: 'Who asks; null without a token.',
    resolve: (_, _args, { viewer }) => viewer,
  }),
)
