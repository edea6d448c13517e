import { readFile } from 'node:fs/promises'

/** The predefined CMaps of Adobe in the packed form of PDF.js; see `cmaps/README.md`. */
export const cmapFolder = new URL('./cmaps/', import.meta.url).href

/**
 * Loads the character maps that PDFs in Chinese, Japanese and Korean refer to by name. PDF.js
 * creates it; fonts and decoders, which the text of a document does not need, are refused.
 */
export class CmapFactory {
  async fetch({ kind, filename }: { readonly kind: string; readonly filename: string }): Promise<Uint8Array> {
    if (kind !== 'cMapUrl' || !/^[\w-]+\.bcmap$/.test(filename))
      throw new Error(`The file ${JSON.stringify(filename)} (${kind}) is not available to PDF.js`)
    return new Uint8Array(await readFile(new URL(filename, cmapFolder)))
  }
}
