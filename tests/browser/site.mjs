// Somebody's website on this machine: pages by their path, at one port under two
// names, which browsers take for two origins.
import { once } from 'node:events';
import { createServer } from 'node:http';

export class Site {
  #pages = new Map();
  #server;

  static async start() {
    const site = new Site();
    site.#server = createServer((request, answer) => {
      const page = site.#pages.get(new URL(request.url, 'http://x').pathname);
      if (page?.isSilent) return;
      answer.writeHead(page ? page.status : 404, page?.headers).end(page?.body);
    });
    await once(site.#server.listen(0, '127.0.0.1'), 'listening');
    const { port } = site.#server.address();
    // The first name is a merchant's, the second a stranger's.
    site.origin = `http://localhost:${port}`;
    site.stranger = `http://127.0.0.1:${port}`;
    return site;
  }

  serve(path, body, headers = {}, status = 200) {
    this.#pages.set(path, { status, body, headers: { 'Content-Type': 'text/html; charset=utf-8', ...headers } });
  }

  // A path that takes requests and never answers.
  keepSilent(path) {
    this.#pages.set(path, { isSilent: true });
  }

  stop() {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}
