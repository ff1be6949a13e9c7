/**
 * Every metric that a node exposes, each once: what it is called, what it counts, by which labels. The names are for
 * operators to build on: deploy/prometheus/metrics.md is made from this table. Labels have few values, each from a list that
 * is in the code or as long as the list of members: never an image, a project or a path.
 */
export interface Metric {
  type: 'counter' | 'gauge' | 'histogram'
  labels?: readonly string[]
  /** Upper bounds, of a histogram. */
  buckets?: readonly number[]
  help: string
}

/** Metadata takes milliseconds, an upload may take an hour. */
const DURATION_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600, 3600]

export const METRICS = {
  serac_build_info: { type: 'gauge', labels: ['version', 'hashing'], help: 'Always 1.' },

  serac_http_requests_total: {
    type: 'counter',
    labels: ['method', 'route', 'status'],
    help: 'Requests that the Glance API has answered, by route and class of the status (2xx).',
  },
  serac_http_request_duration_seconds: {
    type: 'histogram',
    labels: ['method', 'route'],
    buckets: DURATION_SECONDS,
    help: 'From the headers of a request to the last byte of its answer; uploads and downloads as long as they take.',
  },
  serac_http_received_bytes_total: {
    type: 'counter',
    help: 'Bytes that came over connections to the Glance API, uploads and TLS included.',
  },
  serac_http_sent_bytes_total: {
    type: 'counter',
    help: 'Bytes that left over connections to the Glance API, downloads and TLS included.',
  },
  serac_http_connections: { type: 'gauge', help: 'Open connections to the Glance API; 4096 is the limit.' },
  serac_old_glance_requests_total: {
    type: 'counter',
    labels: ['outcome'],
    help: 'With fall_through_url, ids that this cluster does not know: shown from the old Glance, opened for a download, absent there, failed.',
  },
  serac_transfers: { type: 'gauge', help: 'Uploads and downloads under way; 1000 is the limit.' },

  serac_bulk_received_bytes_total: {
    type: 'counter',
    help: 'Bytes that came over connections of the bulk plane, from other nodes.',
  },
  serac_bulk_sent_bytes_total: {
    type: 'counter',
    help: 'Bytes that left over connections of the bulk plane, to other nodes.',
  },

  serac_register_operations_total: {
    type: 'counter',
    labels: ['outcome'],
    help: 'Changes of records that this node was asked for: done, refused by a rule, failed (no majority, outcome unknown).',
  },
  serac_register_reads_total: {
    type: 'counter',
    labels: ['outcome'],
    help: 'Strong reads of records that this node was asked for: done, failed (no majority).',
  },
  serac_register_rounds_total: {
    type: 'counter',
    help: 'Rounds of votes that this node has proposed, for itself and for others.',
  },
  serac_register_rounds_lost_total: {
    type: 'counter',
    help: 'Of these, rounds that met another ballot or a newer config and were followed by another.',
  },
  serac_quorum: { type: 'gauge', help: '1 while this node reaches a majority of the voters, else 0.' },
  serac_voting: { type: 'gauge', help: '0 while this node does not vote although it is a voter, else 1.' },
  serac_caught_up: { type: 'gauge', help: '1 when this node has read all that it missed, else 0.' },
  serac_config_epoch: { type: 'gauge', help: 'Epoch of the cluster config in force at this node.' },

  serac_store_used_bytes: {
    type: 'gauge',
    help: 'Image data on the disk of this node, damaged and unwanted included.',
  },
  serac_store_free_bytes: { type: 'gauge', help: 'Free on its file system.' },
  serac_store_size_bytes: { type: 'gauge', help: 'Size of its file system.' },
  serac_store_reserve_bytes: {
    type: 'gauge',
    help: 'Kept free: with less the node takes no more image data.',
  },
  serac_store_writable: { type: 'gauge', help: '0 while the disk refuses writes, else 1.' },
  serac_cache_images: {
    type: 'gauge',
    help: 'Images in the image cache of this node; absent where it has none.',
  },
  serac_cache_used_bytes: { type: 'gauge', help: 'Bytes in the image cache, what comes in included.' },
  serac_cache_size_bytes: { type: 'gauge', help: 'Most bytes that there may be, image_cache_max_size.' },
  serac_cache_queued_images: { type: 'gauge', help: 'Images that are to be brought into the cache.' },
  serac_cache_hits_total: { type: 'counter', help: 'Downloads that came from the image cache.' },
  serac_cache_misses_total: {
    type: 'counter',
    help: 'Downloads that would have come from the image cache, had it had the image.',
  },
  serac_cache_evicted_images_total: { type: 'counter', help: 'Images that made room for others.' },
  serac_cache_damaged_images_total: {
    type: 'counter',
    help: 'Images whose file was found damaged, and dropped.',
  },

  serac_store_held_images: { type: 'gauge', help: 'Distinct image contents that are on this node in full.' },

  serac_repair_images_total: {
    type: 'counter',
    help: 'Images that this node has brought to itself in full.',
  },
  serac_repair_chunks_total: { type: 'counter', help: 'Chunks that it pulled for that.' },
  serac_repair_bytes_total: { type: 'counter', help: 'Bytes of these chunks.' },

  serac_loop_runs_total: { type: 'counter', labels: ['loop'], help: 'Runs of each background loop.' },
  serac_loop_failed: { type: 'gauge', labels: ['loop'], help: '1 when its latest run failed, else 0.' },
  serac_loop_paused: { type: 'gauge', labels: ['loop'], help: '1 while an operator has it paused, else 0.' },
  serac_loop_queue_entries: {
    type: 'gauge',
    labels: ['loop'],
    help: 'What waits for it, where it has a queue.',
  },
  serac_loop_queue_oldest_age_seconds: {
    type: 'gauge',
    labels: ['loop'],
    help: 'How long the oldest waits.',
  },

  serac_audit_pass_ratio: { type: 'gauge', help: 'How much of the pass over all chunks is done, 0 to 1.' },
  serac_audit_last_pass_timestamp_seconds: {
    type: 'gauge',
    help: 'When every chunk had last been read back; NaN: never.',
  },
  serac_audit_damaged_chunks_total: { type: 'counter', help: 'Chunks that were found damaged.' },
  serac_audit_healed_chunks_total: { type: 'counter', help: 'Of these, chunks that were stored anew.' },
  serac_audit_quarantined_chunks: { type: 'gauge', help: 'Damaged chunks that are not healed yet.' },
  serac_audit_healed_records_total: { type: 'counter', help: 'Records that differed and were learned anew.' },

  serac_event_loop_delay_p99_seconds: {
    type: 'gauge',
    help: 'How long the event loop kept others waiting within the last 10 to 20 s, 99th percentile.',
  },
  serac_event_loop_delay_max_seconds: { type: 'gauge', help: 'The same, at most.' },
  process_start_time_seconds: { type: 'gauge', help: 'When the process has started, since 1970.' },
  process_cpu_seconds_total: { type: 'counter', help: 'CPU time of the process, all threads.' },
  process_resident_memory_bytes: { type: 'gauge', help: 'Memory of the process that is in RAM.' },
  nodejs_heap_size_used_bytes: { type: 'gauge', help: "JavaScript's heap." },
  nodejs_external_memory_bytes: { type: 'gauge', help: 'Buffers and what else lies outside the heap.' },

  serac_cluster_status_age_seconds: {
    type: 'gauge',
    help: 'Since this node last gathered the status of the cluster, of which the figures below are; NaN: not yet.',
  },
  serac_cluster_verdict: {
    type: 'gauge',
    labels: ['verdict'],
    help: '1 for the verdict of the status, 0 for the others.',
  },
  serac_cluster_checks: {
    type: 'gauge',
    labels: ['code', 'severity', 'muted'],
    help: 'Checks of the status that hold, by their code.',
  },
  serac_cluster_nodes: { type: 'gauge', labels: ['state'], help: 'Members of the cluster.' },
  serac_cluster_voters: { type: 'gauge', help: 'Voters of the cluster.' },
  serac_cluster_voters_up: { type: 'gauge', help: 'Of these, voters that answer and vote.' },
  serac_cluster_writable: { type: 'gauge', help: '1 while a majority is up, else 0.' },
  serac_cluster_images: { type: 'gauge', labels: ['status'], help: 'Images that are not deleted.' },
  serac_cluster_store_images: {
    type: 'gauge',
    labels: ['store'],
    help: 'Images that have their bytes in a store, by the id of the store.',
  },
  serac_cluster_store_bytes: { type: 'gauge', labels: ['store'], help: 'How long these are together.' },
  serac_cluster_staged_images: {
    type: 'gauge',
    help: 'Images with bytes that were sent ahead of an import that nobody has asked for yet.',
  },
  serac_cluster_staged_bytes: { type: 'gauge', help: 'Bytes of all these.' },
  serac_cluster_tasks: {
    type: 'gauge',
    labels: ['status'],
    help: 'Tasks, those that are over included as long as they are kept.',
  },
  serac_backend_up: {
    type: 'gauge',
    labels: ['store'],
    help: '1 while this node can use the back end of a store, else 0; NaN before it has looked.',
  },
  serac_cluster_redundancy_images: {
    type: 'gauge',
    labels: ['state'],
    help: 'Images with data: full, under_replicated, unavailable, unknown; one_zone is counted besides.',
  },
  serac_cluster_misplaced_copies: { type: 'gauge', help: 'Copies on nodes that they do not belong on.' },
  serac_cluster_lacking_images: {
    type: 'gauge',
    help: 'Images that a node which answers still has to bring.',
  },
  serac_cluster_lacking_bytes: { type: 'gauge', help: 'Bytes of all these copies.' },
} as const satisfies Readonly<Record<string, Metric>>

export type MetricName = keyof typeof METRICS
