import { createServer } from 'node:http';

/** What a request is counted by. Each has few values, so that a scrape stays small. */
export interface Counted {
  /** Empty where no tenant has the host. */
  tenant: string;
  endpoint: string;
  status: number;
}

/** One number of several with the same name. */
export interface Sample {
  labels: Record<string, string>;
  value: number;
}

/**
 * Counts for Prometheus, of each tenant apart, at an address of their own: a tenant's host answers nobody how much the
 * others are used.
 */
export interface Metrics {
  began(): void;
  /** @param seconds from the first look at the request to the end of the answer. */
  ended(request: Counted, seconds: number): void;
  /** A number that is asked for when a scrape comes. */
  gauge(name: string, help: string, read: () => number): void;
  /** Numbers that only grow, which are asked for when a scrape comes. Each label has few values. */
  counters(name: string, help: string, labels: string[], read: () => Promise<Sample[]>): void;
  /** What a scrape gets, in Prometheus's text format. */
  text(): Promise<string>;
}

const BUCKETS_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];

export async function openMetrics(): Promise<Metrics> {
  const { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } = await import('prom-client');
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  // Counted in a plain map and told when somebody asks: the library sorts and joins labels each time.
  const counts = new Map<string, Counted & { count: number }>();
  let inFlight = 0;
  new Counter({
    name: 'gatehouse_requests_total',
    help: 'Requests answered, by tenant, endpoint and status.',
    labelNames: ['tenant', 'endpoint', 'status'],
    registers: [registry],
    collect() {
      this.reset();
      for (const { tenant, endpoint, status, count } of counts.values())
        this.inc({ tenant, endpoint, status: String(status) }, count);
    },
  });
  new Gauge({
    name: 'gatehouse_requests_in_flight',
    help: 'Requests that have no answer yet.',
    registers: [registry],
    collect() {
      this.set(inFlight);
    },
  });
  const duration = new Histogram({
    name: 'gatehouse_request_seconds',
    help: 'Time to answer, by endpoint.',
    labelNames: ['endpoint'],
    buckets: BUCKETS_SECONDS,
    registers: [registry],
  });
  return {
    began: () => void (inFlight += 1),
    ended({ tenant, endpoint, status }, seconds) {
      inFlight -= 1;
      const key = `${status} ${endpoint} ${tenant}`;
      const entry = counts.get(key);
      if (entry) entry.count += 1;
      else counts.set(key, { tenant, endpoint, status, count: 1 });
      duration.observe({ endpoint }, seconds);
    },
    gauge(name, help, read) {
      new Gauge({
        name,
        help,
        registers: [registry],
        collect() {
          this.set(read());
        },
      });
    },
    counters(name, help, labelNames, read) {
      new Counter({
        name,
        help,
        labelNames,
        registers: [registry],
        async collect() {
          const samples = await read();
          this.reset();
          for (const { labels, value } of samples) this.inc(labels, value);
        },
      });
    },
    text: () => registry.metrics(),
  };
}

const TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** Answers scrapes at `/metrics`. */
export const metricsServer = (metrics: Metrics): ReturnType<typeof createServer> =>
  createServer((request, response) => {
    if (request.url !== '/metrics' || request.method !== 'GET') {
      response.writeHead(404).end();
      return;
    }
    metrics.text().then(
      (text) => response.writeHead(200, { 'Content-Type': TYPE }).end(text),
      () => response.writeHead(500).end(),
    );
  });
