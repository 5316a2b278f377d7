import type { HttpRequest, HttpResponse } from '../../src/http.js';
import type { EurekaHarness, EurekaInstance } from './eureka-contract.js';
import { manualStage } from './stage.js';

/** How servers differ: Spring Cloud's writes a list always, Netflix's older ones a single instance without one. */
export type EurekaDialect = 'spring' | 'netflix';

interface Registered extends EurekaInstance {
  readonly overridden: 'OUT_OF_SERVICE' | undefined;
}

/** A Eureka server in simulated time. */
export async function memoryEureka(dialect: EurekaDialect): Promise<EurekaHarness> {
  const stage = manualStage();
  const instances = new Map<string, Registered>();
  const prefix = dialect === 'spring' ? '/eureka' : '/eureka/v2';
  let isSpoilt = false;
  const keyOf = (app: string, instanceId: string): string => `${app.toUpperCase()}/${instanceId}`;
  stage.world.http = async ({ url, headers }: HttpRequest): Promise<HttpResponse> => {
    if (isSpoilt) throw new Error('connect ECONNREFUSED 10.0.0.1:8761');
    if (headers?.['accept'] !== 'application/json') {
      return { status: 200, headers: {}, body: '<application/>' };
    }
    const path = new URL(url).pathname;
    const app = path.startsWith(`${prefix}/apps/`) ? path.split('/').at(-1) : undefined;
    const found = [...instances.values()].filter(
      (each) => each.app.toUpperCase() === app?.toUpperCase(),
    );
    if (found.length === 0) return { status: 404, headers: {}, body: '' };
    const body = JSON.stringify({ application: applicationOf(found, dialect) });
    return { status: 200, headers: { 'content-type': 'application/json' }, body };
  };
  return {
    ...stage,
    url: `http://eureka.example.com:8761${prefix}`,
    async register(instance) {
      const key = keyOf(instance.app, instance.instanceId);
      instances.set(key, { ...instance, overridden: instances.get(key)?.overridden });
    },
    async cancel(app, instanceId) {
      instances.delete(keyOf(app, instanceId));
    },
    async override(app, instanceId, overridden) {
      const key = keyOf(app, instanceId);
      const instance = instances.get(key);
      if (instance !== undefined) instances.set(key, { ...instance, overridden });
    },
    async spoil() {
      isSpoilt = true;
    },
    async mend() {
      isSpoilt = false;
    },
  };
}

/** As the servers write it; of the many fields those that are read, and some that are not. */
function applicationOf(found: readonly Registered[], dialect: EurekaDialect): object {
  const written = found.map(
    ({ app, instanceId, status = 'UP', vipAddress, metadata, overridden }) => ({
      instanceId,
      hostName: 'control.example.com',
      app: app.toUpperCase(),
      status: dialect === 'spring' ? (overridden ?? status) : status,
      [dialect === 'spring' ? 'overriddenStatus' : 'overriddenstatus']: overridden ?? 'UNKNOWN',
      port: { $: 8080, '@enabled': 'true' },
      ...(vipAddress === undefined ? {} : { vipAddress: `other.example.com,${vipAddress}` }),
      metadata: metadata ?? { '@class': 'java.util.Collections$EmptyMap' },
    }),
  );
  const isBare = dialect === 'netflix' && written.length === 1;
  return { name: found[0]?.app.toUpperCase(), instance: isBare ? written[0] : written };
}
