import { run } from './main/run.ts'

await run({ args: process.argv.slice(2), environment: { ...process.env, ROLE: 'worker' }, command: 'npm run worker' })
