import { describe, expect, it } from 'vitest';
import { Contact } from '../../src/agreement/contact.js';

const SILENT_MS = 6_000;

/** Exchanges that are begun from one time to another, every two seconds. */
function inContact(contact: Contact, fromMs: number, toMs: number): void {
  for (let atMs = fromMs; atMs <= toMs; atMs += 2_000) contact.reached(atMs);
}

describe('the contact with an agreement', () => {
  it('counts silence from now, as long as it lasts', () => {
    const contact = new Contact(SILENT_MS);
    expect(contact.silentSinceMs(10_000)).toBe(4_000);
    inContact(contact, 0, 12_000);
    expect(contact.silentSinceMs(13_000)).toBe(7_000);
  });

  it('counts no time without contact as silence of others', () => {
    const contact = new Contact(SILENT_MS);
    inContact(contact, 0, 10_000);
    contact.lost();
    expect(contact.silentSinceMs(30_000)).toBe(4_000);
    contact.reached(40_000);
    // Heard until ten seconds, and so a member.
    expect(contact.silentSinceMs(40_010)).toBeLessThan(8_000);
    inContact(contact, 42_000, 46_000);
    expect(contact.silentSinceMs(46_010)).toBe(40_010);
  });

  it('takes a process that was asleep for one without contact', () => {
    const contact = new Contact(SILENT_MS);
    inContact(contact, 0, 10_000);
    expect(contact.silentSinceMs(60_000)).toBeLessThan(8_000);
  });

  it('adds up times with contact that follow each other', () => {
    const contact = new Contact(SILENT_MS);
    inContact(contact, 0, 10_000);
    contact.lost();
    inContact(contact, 40_000, 41_000);
    contact.lost();
    inContact(contact, 70_000, 72_000);
    expect(contact.silentSinceMs(72_000)).toBeLessThan(40_000);
    expect(contact.silentSinceMs(72_000)).toBeGreaterThan(8_000);
  });

  it('goes on although every second exchange fails, or all are slow: the dead do not count for ever', () => {
    const flapping = new Contact(SILENT_MS);
    for (let atMs = 0; atMs < 600_000; atMs += 2_500) {
      flapping.lost();
      flapping.reached(atMs);
    }
    expect(flapping.silentSinceMs(600_000)).toBeGreaterThan(580_000);
    const slow = new Contact(300);
    for (let atMs = 0; atMs < 60_000; atMs += 320) slow.reached(atMs);
    expect(slow.silentSinceMs(60_000)).toBeGreaterThan(59_000);
  });
});
