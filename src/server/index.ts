/** `tidings/server`: serves a schema made with `tidings/schema` on `tidings/engine`; parts of HTTP servers. */
export { drainRequestBody } from './request/drain-request-body.ts'
export { refuseRepeatedHeader } from './request/headers.ts'
export { hostInUrl, listen } from './request/listen.ts'
