/** Builds the Studio in advance, as for an image, so that the first start has it ready: `npm run studio:build`. */
import { ensureStudioBuilt } from './studio-build.ts'

const { directory } = await ensureStudioBuilt()
process.stdout.write(`The Studio is in ${directory}\n`)
