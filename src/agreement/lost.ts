import { AgreementLostError } from '../errors.js';
import type { Agreement } from './agreement.js';

/** @internal Why nothing is written any more when a lease has ended. */
export function lostError({ name, limits }: Agreement): AgreementLostError {
  return new AgreementLostError(
    `The agreement (${name}) was not heard for ${limits.leaseMs} ms (leaseMs): the fleet may have moved`,
  );
}
