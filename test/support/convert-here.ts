import type {
  ConversionRequest,
  ConversionStep,
  ConvertedDocument,
} from '../../src/studio/documents/convert/conversion.ts'
import { convertFile } from '../../src/studio/documents/convert/convert.ts'

/**
 * Converts a document as `convertApart` does, but in this process: starting one takes a second of
 * processor time. For tests about something else than conversions.
 */
export async function* convertHere(
  request: ConversionRequest,
  { signal }: { readonly signal: AbortSignal },
): AsyncGenerator<ConversionStep, ConvertedDocument, void> {
  signal.throwIfAborted()
  const steps: ConversionStep[] = []
  const converted = await convertFile(request, (step) => steps.push(step))
  signal.throwIfAborted()
  yield* steps
  return converted
}
