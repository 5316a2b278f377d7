import { afterAll, beforeAll, describe, it } from 'vitest';
import { eurekaSignal } from '../../src/signals/eureka.js';
import { type Eureka, startEureka } from '../../stack/eureka.js';
import {
  type EurekaHarness,
  type EurekaInstance,
  eurekaContract,
} from '../signals/eureka-contract.js';
import { absent, realStage, value, watch } from '../signals/stage.js';

let eureka: Eureka;
beforeAll(async () => {
  eureka = await startEureka();
});
afterAll(() => eureka?.stop());

/** Calls the server as Eureka's own clients do. */
async function call(path: string, init: RequestInit): Promise<void> {
  const response = await fetch(`${eureka.url}${path}`, init);
  if (!response.ok) throw new Error(`${init.method} ${path} was answered ${response.status}`);
}

async function register({ app, instanceId, status, vipAddress, metadata }: EurekaInstance) {
  const instance = {
    instanceId,
    app,
    hostName: 'control.example.com',
    ipAddr: '10.0.0.1',
    status: status ?? 'UP',
    overriddenstatus: 'UNKNOWN',
    port: { $: 8080, '@enabled': 'true' },
    securePort: { $: 443, '@enabled': 'false' },
    countryId: 1,
    dataCenterInfo: {
      '@class': 'com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo',
      name: 'MyOwn',
    },
    leaseInfo: { renewalIntervalInSecs: 30, durationInSecs: 600 },
    ...(vipAddress === undefined ? {} : { vipAddress }),
    ...(metadata === undefined ? {} : { metadata }),
  };
  await call(`/apps/${app}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ instance }),
  });
}

async function realEureka(): Promise<EurekaHarness> {
  return {
    ...realStage(),
    url: eureka.url,
    register,
    cancel: (app, instanceId) => call(`/apps/${app}/${instanceId}`, { method: 'DELETE' }),
    override: (app, instanceId, status) =>
      status === undefined
        ? call(`/apps/${app}/${instanceId}/status?value=UP`, { method: 'DELETE' })
        : call(`/apps/${app}/${instanceId}/status?value=${status}`, { method: 'PUT' }),
    spoil: () => eureka.server.pause(),
    mend: async () => eureka.server.resume(),
  };
}

eurekaContract('a real server', realEureka);

describe('a Eureka signal on a real server', () => {
  it('fails while it is dead, and has no opinion after its restart, which forgets everything', async () => {
    const app = 'forgotten';
    await register({ app, instanceId: 'control-1', metadata: { 'kafka-cluster': 'A' } });
    const heard = watch(realStage(), eurekaSignal({ url: eureka.url, app, pollMs: 100 }));
    await heard.hears(value('A'));
    await eureka.server.kill();
    await heard.fails('ECONNREFUSED');
    await eureka.server.start();
    await heard.hears(absent);
    await register({ app, instanceId: 'control-1', metadata: { 'kafka-cluster': 'A' } });
    await heard.hears(value('A'));
  });
});
