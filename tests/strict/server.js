// Node's HTTP/1.1 server in its lenient mode, which writes the target of each request to a file.
const [port, log] = process.argv.slice(2);
const answer = (request, response) => {
  require('fs').appendFileSync(log, request.url + '\n');
  request.resume();
  request.on('end', () => response.end());
};
const options = { insecureHTTPParser: true, requireHostHeader: false };
require('http').createServer(options, answer).listen(Number(port), '127.0.0.1');
