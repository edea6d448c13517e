/** What is used of a WebSocket class: the browser's, Node's, or that of the package ws. */
export type WebSocketImplementation = new (url: string, protocols?: string | string[]) => object
