import type { Applications } from '../../src/studio/applications.ts'

declare module '../index.ts' {
  interface Services extends Applications {
    /** The URL of the preview server, without a trailing slash; null, the default, when it is unknown. */
    readonly previewUrl?: string | null
  }
  interface ServiceLimits {
    /** Maximum size of an uploaded document. */
    readonly maxUploadBytes: number
  }
}
