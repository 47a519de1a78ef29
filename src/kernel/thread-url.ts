/**
 * Where a thread begins: at a file beside `here`. Run from its sources, as the tests do, the thread first gets the loader that reads
 * TypeScript, which Node does not hand on to threads.
 * @param here the caller's `import.meta.url`.
 */
export function threadUrl(name: string, here: string): URL {
  if (here.endsWith('.js')) return new URL(`./${name}.js`, here);
  const loader = JSON.stringify(import.meta.resolve('tsx/esm/api'));
  const file = JSON.stringify(new URL(`./${name}.ts`, here).href);
  return new URL(
    `data:text/javascript,const { register } = await import(${loader}); register(); await import(${file})`,
  );
}
