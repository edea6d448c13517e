import { type Viewer, withoutToken } from '../../../src/engine.ts'
import { builder } from '../builder.ts'

const viewerRef = builder.objectRef<Viewer>('Viewer').implement({
  description: 'The authenticated caller of an operation.',
  fields: (t) => ({
    id: t.id({ description: 'The user id: `sub` of the token.', resolve: ({ userId }) => userId }),
    roles: t.exposeStringList('roles', { description: 'The roles, such as `admin`.' }),
    plan: t.exposeString('plan', {
      nullable: true,
      description: 'The plan, which determines the priority boost of the user’s tasks.',
    }),
    expiresAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When the token expires and the connection is closed with code 4403; null without an expiry.',
      resolve: ({ expiresAt }) => expiresAt,
    }),
  }),
})

builder.queryField('viewer', (t) =>
  t.field({
    type: viewerRef,
    nullable: true,
    description: 'The authenticated caller of this operation; null without a token.',
    extensions: withoutToken,
    resolve: (_, _args, { viewer }) => viewer,
  }),
)
