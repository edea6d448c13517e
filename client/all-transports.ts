import type { TidingsClientOptions } from './options.ts'
import type { TransportName } from './transport/transport.ts'
import {
  eventStreamTransport,
  pollingTransport,
  type TransportFactory,
  webSocketTransport,
} from './transport/transports.ts'

const allTransports: Readonly<Record<TransportName, TransportFactory>> = {
  websocket: webSocketTransport,
  sse: eventStreamTransport,
  polling: pollingTransport,
}

/** Returns the transports that the options allow, best first. */
export function chooseTransports({
  transports,
  live = true,
}: Pick<TidingsClientOptions, 'transports' | 'live'>): readonly TransportFactory[] {
  const names = transports ?? (Object.keys(allTransports) as TransportName[])
  const chosen: readonly TransportName[] = live && names.length > 0 ? [...new Set(names)] : ['polling']
  return chosen.map((name) => allTransports[name])
}
