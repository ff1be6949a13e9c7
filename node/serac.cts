#!/usr/bin/env node
/**
 * The `serac` command. It is CommonJS on purpose: libuv sizes its thread pool when the pool is first used, and loading
 * an ES module as the entry point uses it already. Four threads, the default, would make chunk reads, fsyncs and LevelDB
 * wait for each other.
 */
const THREAD_POOL_SIZE = '16'

/**
 * How much garbage may pile up on the heap before the next full collection, in percent of what was alive at the last one.
 * On a machine with much memory V8 lets the heap grow to four times that: with 100 000 images 500 MiB of garbage.
 */
const HEAP_GROWING_PERCENT = 40

const v8 = require('node:v8') as typeof import('node:v8')

v8.setFlagsFromString(`--heap-growing-percent=${HEAP_GROWING_PERCENT}`)

process.env['UV_THREADPOOL_SIZE'] ??= THREAD_POOL_SIZE

void import('./main.ts')
