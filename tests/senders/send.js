// Sends a mail to a domain as mx-connect, mailauth and nodemailer do it: send.js DOMAIN CACHE. CACHE: a file that keeps
// the policy. It prints `verified` or `unprotected`, and the addresses that it left for another; or `refused: ` and why.
// These libraries choose the host and tell what the policy wants of TLS. To do that, to go on to the next address, and
// to try again later is left to who calls them: here it is below.
'use strict';

const fs = require('fs');
const { promisify } = require('util');
const mxConnect = promisify(require('mx-connect'));
const SMTPConnection = require('nodemailer/lib/smtp-connection');

const [domain, file] = process.argv.slice(2);
const cache = {
    get: async () => (fs.existsSync(file) ? JSON.parse(fs.readFileSync(file, 'utf8')) : false),
    set: async (_, policy) => fs.writeFileSync(file, JSON.stringify(policy)),
};

// With enforce, TLS must be there and be right (RFC 8461 §5); otherwise whatever there is will do.
function options(mx) {
    const enforce = mx.policyMatch && mx.policyMatch.mode === 'enforce';
    const tls = { servername: mx.hostname, rejectUnauthorized: enforce, minVersion: 'TLSv1.2' };
    return { enforce, given: { connection: mx.socket, host: mx.hostname, tls, requireTLS: enforce, opportunisticTLS: !enforce } };
}

function deliver(given) {
    return new Promise((resolve, reject) => {
        const client = new SMTPConnection({ ...given, name: 'sender.invalid' });
        client.once('error', reject);
        client.connect(() => {
            client.send({ from: 'a@sender.invalid', to: [`b@${domain}`] }, 'Subject: test\r\n\r\ntest\r\n', error => {
                client.quit();
                return error ? reject(error) : resolve();
            });
        });
    });
}

async function main() {
    const tried = [];
    let last = new Error('no MX host');
    for (;;) {
        let mx;
        try {
            mx = await mxConnect({ target: domain, mtaSts: { enabled: true, cache }, ignoreMXHosts: tried });
        } catch (error) {
            return `refused: ${tried.length ? last.message : error.message}`;
        }
        const { enforce, given } = options(mx);
        try {
            await deliver(given);
            return [enforce ? 'verified' : 'unprotected', ...tried].join(': ');
        } catch (error) {
            last = error;
            tried.push(mx.host); // on to the next address, as a queue does
        }
    }
}

main().then(said => {
    console.log(said);
    process.exit(0);
});
