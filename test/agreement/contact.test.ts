import { describe, expect, it } from 'vitest';
import { Contact } from '../../src/agreement/contact.js';

const SILENT_MS = 6_000;

describe('the contact with an agreement', () => {
  it('counts silence from now, as long as it lasts', () => {
    const contact = new Contact(SILENT_MS);
    expect(contact.silentSinceMs(10_000)).toBe(4_000);
    contact.reached(10_000, 10_010);
    contact.reached(12_000, 12_010);
    expect(contact.silentSinceMs(13_000)).toBe(7_000);
  });

  it('counts no time without contact as silence of others', () => {
    const contact = new Contact(SILENT_MS);
    contact.reached(10_000, 10_010);
    contact.lost();
    expect(contact.silentSinceMs(30_000)).toBe(4_000);
    contact.reached(40_000, 40_010);
    expect(contact.silentSinceMs(40_010)).toBe(4_000);
    expect(contact.silentSinceMs(41_010)).toBe(5_000);
    contact.reached(44_000, 44_010);
    expect(contact.silentSinceMs(46_010)).toBe(40_010);
  });

  it('takes a process that was asleep for one without contact', () => {
    const contact = new Contact(SILENT_MS);
    contact.reached(10_000, 10_010);
    expect(contact.silentSinceMs(60_000)).toBe(4_000);
    contact.reached(60_000, 60_010);
    expect(contact.silentSinceMs(60_010)).toBe(4_000);
  });

  it('adds up pauses that follow each other', () => {
    const contact = new Contact(SILENT_MS);
    contact.reached(10_000, 10_000);
    contact.lost();
    contact.reached(40_000, 40_000);
    contact.reached(42_000, 42_000);
    contact.lost();
    contact.reached(70_000, 70_000);
    expect(contact.silentSinceMs(71_000)).toBe(7_000);
  });
});
