import { writeFile } from 'node:fs/promises'
import { printApi } from './index.ts'

await writeFile(new URL('../schema.graphql', import.meta.url), printApi())
