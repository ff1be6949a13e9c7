#!/usr/bin/env node
/**
 * The `serac` command. It is CommonJS on purpose: libuv sizes its thread pool when the pool is first used, and loading
 * an ES module as the entry point uses it already. Four threads, the default, would make chunk reads, fsyncs and LevelDB
 * wait for each other.
 */
const THREAD_POOL_SIZE = '16'

process.env['UV_THREADPOOL_SIZE'] ??= THREAD_POOL_SIZE

void import('./main.ts')
