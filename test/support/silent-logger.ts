import type { Logger } from 'kafkajs';
import { vi } from 'vitest';

/** kafkajs's logger; it says nothing, and knows what it was told. */
export function silentLogger(): Logger {
  const logger: Logger = {
    info: vi.fn(),
    error: vi.fn(),
    warn: vi.fn(),
    debug: vi.fn(),
    namespace: () => logger,
    setLogLevel: vi.fn(),
  };
  return logger;
}
