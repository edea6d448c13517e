/**
 * Builds the Studio and GraphiQL in advance, as for an image, so that a start needs no optional
 * packages: `npm run studio:build`.
 */
import { writeGraphiqlParts } from '../server/index.ts'
import { ensureStudioBuilt } from './studio-build.ts'

const { directory } = await ensureStudioBuilt()
await writeGraphiqlParts()
process.stdout.write(`The Studio is in ${directory}\n`)
