//! Names are looked up where the connection is made, at a real name server that lies.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ipnet::IpNet;
use presdr_sites::{FetchError, PageRequest, Refusal, Web, WebConfig};
use tokio::net::UdpSocket;

use crate::server::{LOCAL, Server, html, page};

/// A name server that answers every A question; the function gets the name and how often it was asked before.
struct NameServer {
    address: SocketAddr,
    serving: tokio::task::JoinHandle<()>,
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl NameServer {
    async fn start(answer: impl Fn(&str, usize) -> Vec<Ipv4Addr> + Send + 'static) -> Self {
        let socket = UdpSocket::bind((LOCAL, 0)).await.unwrap();
        let address = socket.local_addr().unwrap();
        let asked = Arc::new(AtomicUsize::new(0));
        let serving = tokio::spawn(async move {
            let mut packet = [0; 1500];
            loop {
                let (length, from) = socket.recv_from(&mut packet).await.unwrap();
                let reply = reply(&packet[..length], |name| answer(name, asked.fetch_add(1, Ordering::SeqCst)));
                socket.send_to(&reply, from).await.unwrap();
            }
        });
        Self { address, serving }
    }

    /// A client that asks this server.
    fn web(&self, allow: &[&str]) -> Web {
        let allow: Vec<IpNet> = allow.iter().map(|network| network.parse().unwrap()).collect();
        Web::new(WebConfig { allow, name_servers: vec![self.address], ..WebConfig::default() }).unwrap()
    }
}

/// A reply (RFC 1035, 4.1) with the question repeated and an answer per address, valid for no time at all.
fn reply(question: &[u8], addresses: impl Fn(&str) -> Vec<Ipv4Addr>) -> Vec<u8> {
    const HEADER: usize = 12;
    let mut labels = Vec::new();
    let mut at = HEADER;
    while question[at] != 0 {
        let end = at + 1 + usize::from(question[at]);
        labels.push(String::from_utf8_lossy(&question[at + 1..end]).to_lowercase());
        at = end;
    }
    let end = at + 5;
    let is_address = question[at + 1..at + 3] == [0, 1];
    let addresses = if is_address { addresses(&labels.join(".")) } else { Vec::new() };
    let mut reply = question[..2].to_vec();
    reply.extend_from_slice(&[0x81, 0x80, 0, 1, 0, addresses.len() as u8, 0, 0, 0, 0]);
    reply.extend_from_slice(&question[HEADER..end]);
    for address in addresses {
        reply.extend_from_slice(&[0xc0, HEADER as u8, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4]);
        reply.extend_from_slice(&address.octets());
    }
    reply
}

async fn get(web: &Web, url: &str) -> Result<u16, FetchError> {
    web.get(&PageRequest::new(url.parse().unwrap())).await.map(|answer| answer.status)
}

fn is_closed(answer: &Result<u16, FetchError>) -> bool {
    matches!(answer, Err(FetchError::Refused { refusal: Refusal::Address { .. }, .. }))
}

#[tokio::test]
async fn names_that_lead_to_private_addresses_are_refused() {
    for address in ["127.0.0.1", "10.0.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "192.168.1.1"] {
        let names = NameServer::start(move |_, _| vec![address.parse().unwrap()]).await;
        let web = names.web(&[]);
        let answer = get(&web, "http://acme.com.sg/").await;
        assert!(is_closed(&answer), "{address}: {answer:?}");
        assert_eq!(web.resolves("acme.com.sg").await.ok(), Some(false), "{address}");
    }
}

#[tokio::test]
async fn an_answer_that_changes_after_the_check_is_judged_again() {
    let public: Ipv4Addr = "93.184.215.14".parse().unwrap();
    let names = NameServer::start(move |_, nth| vec![if nth == 0 { public } else { Ipv4Addr::LOCALHOST }]).await;
    let web = names.web(&[]);
    assert_eq!(web.resolves("rebind.com.sg").await.ok(), Some(true), "the first answer is public");
    let answer = get(&web, "http://rebind.com.sg/").await;
    assert!(is_closed(&answer), "the second is not: {answer:?}");
}

#[tokio::test]
async fn only_the_open_ones_of_several_addresses_are_connected_to() {
    let server = Server::start(|_| html(&page("cranes", &[]))).await;
    let names = NameServer::start(|_, _| vec!["10.0.0.1".parse().unwrap(), Ipv4Addr::LOCALHOST]).await;
    let web = names.web(&["127.0.0.0/8"]);
    let answer = get(&web, &format!("http://acme.com.sg:{}/", server.port)).await;
    assert_eq!(answer.ok(), Some(200));
    assert_eq!(server.asked()[0].host, format!("acme.com.sg:{}", server.port));
}

#[tokio::test]
async fn an_odd_port_is_open_at_listed_addresses_alone() {
    let names = NameServer::start(|name, _| match name {
        "listed.com.sg" => vec![Ipv4Addr::LOCALHOST],
        _ => vec!["93.184.215.14".parse().unwrap()],
    })
    .await;
    let web = names.web(&["127.0.0.0/8"]);
    let server = Server::start(|_| html("")).await;
    let port = server.port;
    assert_eq!(get(&web, &format!("http://listed.com.sg:{port}/")).await.ok(), Some(200));
    let elsewhere = get(&web, &format!("http://acme.com.sg:{port}/")).await;
    assert!(matches!(elsewhere, Err(FetchError::Refused { refusal: Refusal::Port, .. })), "{elsewhere:?}");
}

#[tokio::test]
async fn a_name_without_addresses_is_said_to_have_none() {
    let names = NameServer::start(|_, _| vec![]).await;
    let web = names.web(&[]);
    assert!(matches!(get(&web, "http://acme.com.sg/").await, Err(FetchError::NoAddress { .. })));
    assert_eq!(web.resolves("acme.com.sg").await.ok(), Some(false));
    assert_eq!(web.resolves("not a name").await.ok(), Some(false));
    assert_eq!(web.resolves(&IpAddr::V4(Ipv4Addr::LOCALHOST).to_string()).await.ok(), Some(false));
}
