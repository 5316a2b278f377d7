/** One service in a process of its own: the settings come as an argument, orders and facts through Node's IPC channel. */
import type { Order, ServiceSettings } from './messages.js';
import { runService } from './services.js';

// Ctrl-C in a terminal reaches every process of the demo: its parent decides what happens then.
process.on('SIGINT', () => {});
// The parent has gone, however it ended: nothing may be left running.
process.on('disconnect', () => process.exit());

const settings = JSON.parse(process.argv[2] ?? '{}') as ServiceSettings;
void runService(settings, {
  tell: (fact) => {
    process.send?.(fact);
  },
  onOrder: (listener) => {
    process.on('message', (order: Order) => listener(order));
  },
}).then(() => {
  // Not exit(): what was told must arrive first, and a service that has closed everything ends by itself.
  process.removeAllListeners('disconnect');
  process.removeAllListeners('message');
  process.disconnect();
});
