import { consumerService } from './consumer-service.js';
import { Control } from './control.js';
import { nowMs, type Line, type ServiceSettings } from './messages.js';
import { producerService } from './producer-service.js';

/** Runs one service to its end; the line hears how it ended, and nothing after that. */
export async function runService(settings: ServiceSettings, line: Line): Promise<void> {
  const service = settings.name === 'producer' ? producerService : consumerService;
  try {
    await service(settings, new Control(line));
  } catch (error) {
    const words = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    line.tell({ kind: 'failed', error: words, atMs: nowMs() });
  }
  line.tell({ kind: 'ended', atMs: nowMs() });
}
