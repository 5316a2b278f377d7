/** Lets things happen, or keeps them back for a while; then they happen in their order. */
export class Holding {
  readonly #kept: (() => void)[] = [];
  #isHolding = false;

  get isHolding(): boolean {
    return this.#isHolding;
  }

  hold(): void {
    this.#isHolding = true;
  }

  letGo(): void {
    this.#isHolding = false;
    for (const happen of this.#kept.splice(0)) happen();
  }

  /** Now, or later. */
  pass(happen: () => void): void {
    if (this.#isHolding) this.#kept.push(happen);
    else happen();
  }
}
