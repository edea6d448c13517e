/** Costs of one operation each: `…Us` is processor time in microseconds. */
export interface Figures {
  /** A client that reconnects with a cursor, and catches up on ten events of its own topic. */
  readonly serverResumeUs: number
  readonly postgresResumeUs: number
  /** A client that connects, and receives the snapshot of its own topic. */
  readonly serverConnectUs: number
  readonly postgresConnectUs: number
  /** Each idle subscriber, for every second: pings. */
  readonly serverIdleUsPerSecond: number
  /** Resident memory of an idle subscriber of its own topic. */
  readonly serverBytesPerSubscriber: number
  /** A delivery to one of 1,000 subscribers of a topic. */
  readonly serverSharedDeliveryUs: number
  /** A delivery to the only subscriber of a topic. */
  readonly serverOwnDeliveryUs: number
  /** A message of the bus that a server receives. */
  readonly serverBusMessageUs: number
  /** An append with its guard, event and task row, and what it adds to the write-ahead log. */
  readonly postgresAppendUs: number
  readonly postgresAppendWalBytes: number
  /** A task that is started, with the queue in Redis, and with the queue in PostgreSQL. */
  readonly postgresStartUs: number
  readonly postgresStartWithQueueUs: number
  /** One topic that is compared with the log, in a query of 1,000. */
  readonly postgresComparisonUs: number
  /** The snapshot of a topic that is read again, in a query of 500. */
  readonly postgresSnapshotUs: number
  /** A connection that is opened and closed, with a password, and the memory of one that has read and appended. */
  readonly postgresConnectionUs: number
  readonly postgresBytesPerConnection: number
  /** A message published to Redis, without its deliveries. */
  readonly redisPublishUs: number
  /** Its delivery to one server. */
  readonly redisDeliveryUs: number
  /** A subscription of a server to a channel, and the memory of it. */
  readonly redisSubscribeUs: number
  readonly redisBytesPerSubscription: number
  /** A statement, and a transaction of three messages, through PgBouncer. */
  readonly pgbouncerStatementUs: number
  readonly pgbouncerTransactionUs: number
}

/** What `npm run bench:capacity -- --output` writes. */
export interface Capacity {
  readonly commit: string
  readonly at: string
  readonly machine: string
  readonly figures: Figures
}
