/** The page's policy for addresses of scripts: these may be made into workers, and nothing else. */
interface Policies {
  createPolicy(name: string, rules: { createScriptURL(address: string): string }): {
    createScriptURL(address: string): string;
  };
}

/** Say once for a page which addresses its workers have; returns what makes one of them trusted. */
export function trusting(...addresses: string[]): (address: string) => string {
  const types = (globalThis as { trustedTypes?: Policies }).trustedTypes;
  const policy = types?.createPolicy("commonwatt", {
    createScriptURL(address) {
      if (!addresses.includes(address)) throw new TypeError(`${address} is no worker of this page`);
      return address;
    },
  });
  return (address) => policy?.createScriptURL(address) ?? address;
}
